// zlib, which reads gzip files.
#pragma once
#include <zlib.h>
