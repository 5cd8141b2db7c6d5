// Files that travel inside the program: no path to find at run time, nothing to install.
#pragma once
#include <stddef.h>

/// The bytes of breast-cancer.csv; their number goes to *length.
const char *wb_breast_cancer_csv(size_t *length);
/// The bytes of diabetes.csv.
const char *wb_diabetes_csv(size_t *length);
/// The bytes of digits.csv.
const char *wb_digits_csv(size_t *length);
/// The bytes of warpbreaks.csv.
const char *wb_warpbreaks_csv(size_t *length);
/// The bytes of iris.csv.
const char *wb_iris_csv(size_t *length);
/// The bytes of wine.csv.
const char *wb_wine_csv(size_t *length);
/// The bytes of References.bib.
const char *wb_references_bib(size_t *length);
