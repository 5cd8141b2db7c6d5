#include "ShippedData.h"

static const char breast_cancer_csv[] = {
#embed "breast-cancer.csv"
};

static const char diabetes_csv[] = {
#embed "diabetes.csv"
};

static const char digits_csv[] = {
#embed "digits.csv"
};

static const char warpbreaks_csv[] = {
#embed "warpbreaks.csv"
};

static const char iris_csv[] = {
#embed "iris.csv"
};

static const char wine_csv[] = {
#embed "wine.csv"
};

static const char references_bib[] = {
#embed "../../References.bib"
};

const char *wb_breast_cancer_csv(size_t *length) {
  *length = sizeof breast_cancer_csv;
  return breast_cancer_csv;
}

const char *wb_diabetes_csv(size_t *length) {
  *length = sizeof diabetes_csv;
  return diabetes_csv;
}

const char *wb_digits_csv(size_t *length) {
  *length = sizeof digits_csv;
  return digits_csv;
}

const char *wb_warpbreaks_csv(size_t *length) {
  *length = sizeof warpbreaks_csv;
  return warpbreaks_csv;
}

const char *wb_iris_csv(size_t *length) {
  *length = sizeof iris_csv;
  return iris_csv;
}

const char *wb_wine_csv(size_t *length) {
  *length = sizeof wine_csv;
  return wine_csv;
}

const char *wb_references_bib(size_t *length) {
  *length = sizeof references_bib;
  return references_bib;
}
