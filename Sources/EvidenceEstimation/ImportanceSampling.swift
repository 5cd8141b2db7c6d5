internal import Randomness
