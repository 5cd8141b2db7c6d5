/// The random numbers that the workbench promises: changing any of them changes every result, and is a line in the
/// changelog. Made with GSL 2.7.1; the integers of `xoshiro256x8` are those of a program in Python too.
enum GoldenStreams {
  /// The first three numbers of each kind from a stream, each kind from its beginning.
  struct Start: Sendable {
    let generator: String
    let index: UInt
    let outputs: [UInt]
    let uniforms: [Double]
    let normals: [Double]
  }

  static let starts = [
    Start(
      generator: "mt19937", index: 0, outputs: [1791095845, 4282876139, 3093770124],
      uniforms: [0.4170219984371215, 0.99718480813317, 0.720324489288032],
      normals: [-0.49192363822600427, -1.5460562802245437, 0.00042694841091477396]),
    Start(
      generator: "mt19937", index: 12345, outputs: [3990012703, 1903014572, 1929152240],
      uniforms: [0.9289972258266062, 0.44308010768145323, 0.4491657577455044],
      normals: [-1.01468756043081, 0.5657853400951014, 1.0899356993435894]),
    Start(
      generator: "taus2", index: 0, outputs: [802792108, 4084684829, 2342628799],
      uniforms: [0.18691460322588682, 0.9510397978592664, 0.5454357711132616],
      normals: [0.2386781248399197, -1.0099337235384351, 0.8362216411729089]),
    Start(
      generator: "taus2", index: 12345, outputs: [4152399835, 1000539508, 3786006212],
      uniforms: [0.966805926291272, 0.23295625764876604, 0.8814982632175088],
      normals: [1.8878005922692014, -0.5985207390455586, 1.4119487989825528]),
    Start(
      generator: "ranlxs0", index: 0, outputs: [5383120, 8289378, 11819022],
      uniforms: [0.3208589553833008, 0.494085431098938, 0.7044686079025269],
      normals: [0.8769463486955473, -0.6478841573488995, 0.5145306185748493]),
    Start(
      generator: "ranlxs0", index: 12345, outputs: [4596505, 16152873, 9194345],
      uniforms: [0.2739730477333069, 0.9627862572669983, 0.5480256676673889],
      normals: [-0.9617102483442915, -1.627629792397021, 0.7612558110512417]),
    Start(
      generator: "uni", index: 0, outputs: [8321, 23969, 4736],
      uniforms: [0.25394451734977264, 0.7314981536301767, 0.1445356608783227],
      normals: [0.8580929328199577, -0.37595847715137093, -0.006009465902929322]),
    Start(
      generator: "uni", index: 12345, outputs: [20193, 10054, 13282],
      uniforms: [0.6162602618488113, 0.30683309427167577, 0.40534684286019473],
      normals: [-1.529300100150332, 1.6801589427708137, -0.36089269983802874]),
    Start(
      generator: "xoshiro256x8", index: 0,
      outputs: [8_109_040_853_264_599_795, 6_365_770_599_646_563_052, 10_380_740_026_959_203_802],
      uniforms: [0.43959198549415934, 0.34508911568405776, 0.56274104446182005],
      normals: [0.59234641560458245, 0.56367226271904736, 1.0109357873579676]),
    Start(
      generator: "xoshiro256x8", index: 12345,
      outputs: [5_681_639_787_693_409_559, 1_759_528_212_374_467_239, 11_368_815_326_802_128_278],
      uniforms: [0.30800231005486367, 0.095384215520296634, 0.6163047137952683],
      normals: [1.5346834771053994, 1.6364993521365874, -0.62251600710453592]),
    Start(
      generator: "xoshiro256x8", index: 9_223_372_036_854_775_807,
      outputs: [8_767_999_940_284_861_913, 11_731_856_727_577_443_001, 18_300_158_919_017_316_154],
      uniforms: [0.47531422918048094, 0.63598522756640719, 0.99205360284142763],
      normals: [-0.38824768436980756, 0.92185417058943087, -0.10663493680583086]),
  ]

  /// By generator: the first 16 digits of the SHA-256 of 1000 normals of stream 7, in single precision.
  static let normals = [
    "borosh13": "6dc1b4654424b8fb",
    "cmrg": "d0d7a245a5791069",
    "coveyou": "ae9352ed94d84384",
    "fishman18": "acb6a3dd4464839b",
    "fishman20": "fdbfbfb5678e0ca9",
    "fishman2x": "a86f85be838769db",
    "gfsr4": "bef01d8d0ffe66ae",
    "knuthran": "39a331dfe23dcd85",
    "knuthran2": "9c621930acf9d2d3",
    "knuthran2002": "a7fb5a9ababc73c0",
    "lecuyer21": "ce9d83b3c0b733f1",
    "minstd": "034a8ae4ca3c59e8",
    "mrg": "7e6e75822647cd52",
    "mt19937": "fd7a6074ab36dcb6",
    "mt19937_1998": "bf0d7cd03535002e",
    "mt19937_1999": "667b35fc27181ab1",
    "r250": "7b466ff9ec384300",
    "ran0": "cbc3637365aad378",
    "ran1": "d7a855e5922e2307",
    "ran2": "65c3d3a5d766619d",
    "ran3": "2a7dfb289dbf280d",
    "rand": "1164dc6328e84120",
    "rand48": "1d2475cc80779907",
    "random-bsd": "6c1227ffb8fc98b5",
    "random-glibc2": "87746b67ea8d2616",
    "random-libc5": "0b8336333b14326a",
    "random128-bsd": "6c1227ffb8fc98b5",
    "random128-glibc2": "87746b67ea8d2616",
    "random128-libc5": "0b8336333b14326a",
    "random256-bsd": "0f0a31aa7110afbf",
    "random256-glibc2": "7b45bc3e696ae1ee",
    "random256-libc5": "0e669dea028a1521",
    "random32-bsd": "c8a630e8b1bcc583",
    "random32-glibc2": "82180767f36faaf6",
    "random32-libc5": "7e0af4d2d5ff9e3d",
    "random64-bsd": "3d82588fc8b9e96b",
    "random64-glibc2": "69e27b5cae628253",
    "random64-libc5": "b2e98c9412a70382",
    "random8-bsd": "1164dc6328e84120",
    "random8-glibc2": "1164dc6328e84120",
    "random8-libc5": "1164dc6328e84120",
    "randu": "eec549a74c899877",
    "ranf": "cc3f6bb3a59ab8b6",
    "ranlux": "144f7d23252bb99d",
    "ranlux389": "5e8432adaa9e8346",
    "ranlxd1": "0f41446bd9caef2f",
    "ranlxd2": "fedd6e1699419e45",
    "ranlxs0": "bf3d0caff8d36e42",
    "ranlxs1": "b7354803ddf05852",
    "ranlxs2": "2a617f9e4ccf7dc6",
    "ranmar": "0ea6c78a92e77787",
    "slatec": "11efd6588b02d9ea",
    "taus": "c28b0f1cab4f364d",
    "taus113": "5e3bb38a6e0b1e03",
    "taus2": "c28b0f1cab4f364d",
    "transputer": "b01b34ba44d9bb11",
    "tt800": "0a966b85a121288e",
    "uni": "595a1952536a8ea8",
    "uni32": "9b1d26b454e6059b",
    "vax": "6fa22ca228ee2eeb",
    "waterman14": "bcb2faa9bd6d8e45",
    "xoshiro256x8": "d7752fdbf1dd40b7",
    "zuf": "824fbf7a61f9cb37",
  ]
}
