/* What the programs that test lic.h share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lic.h"

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s, line %d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

/* The bytes of a file, in a block of their very size, so that a read beyond them is noticed. */
static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    CHECK(file != NULL);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size ? *size : 1);
    CHECK(fread(data, 1, *size, file) == *size);
    fclose(file);
    return data;
}
