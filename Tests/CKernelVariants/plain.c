#define WB_NAMED(name) name##_plain
#include "variant.h"
