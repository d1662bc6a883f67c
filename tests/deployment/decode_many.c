/* Decodes files with weights: decode_many WEIGHTS FILE WEIGHTS FILE ...
 *
 * Prints a line for each file: the status, of the weights or else of the file, and the message.
 * FILE.samples gets the pixels as the file has them, FILE.rgba the same as RGBA, whose rows are
 * decoded with room between them.
 */
#include "common.h"

#define MAX_PIXELS ((uint64_t)1 << 22)
#define GAP 5
#define MARK 0xA5

static FILE *beside(const char *path, const char *suffix) {
    char name[4096];
    FILE *file;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    file = fopen(name, "wb");
    CHECK(file != NULL);
    return file;
}

static lic_status decode(const lic_file *file, const lic_weights *weights, const char *path,
                         lic_error *error) {
    lic_info info;
    lic_get_info(file, &info);
    {
        const size_t samples = (size_t)info.width * info.channels;
        const size_t row = (size_t)info.width * 4, stride = row + GAP;
        uint8_t *pixels = malloc(samples * info.height), *rgba = malloc(stride * info.height);
        size_t y, i;
        FILE *out;
        lic_status status = lic_decode(file, weights, info.channels, 2, pixels, 0, error);
        memset(rgba, MARK, stride * info.height);
        if (status == LIC_OK) {
            CHECK(lic_decode(file, weights, 4, 1, rgba, stride, error) == LIC_OK);
            out = beside(path, ".samples");
            fwrite(pixels, 1, samples * info.height, out);
            fclose(out);
            out = beside(path, ".rgba");
            for (y = 0; y < info.height; ++y) {
                fwrite(rgba + y * stride, 1, row, out);
                for (i = row; i < stride; ++i) CHECK(rgba[y * stride + i] == MARK);
            }
            fclose(out);
        }
        free(pixels);
        free(rgba);
        return status;
    }
}

int main(int argc, char **argv) {
    lic_weights *weights = NULL;
    lic_status of_weights = LIC_OK;
    lic_error weights_error, error;
    int i;
    for (i = 1; i + 1 < argc; i += 2) {
        lic_file *file;
        size_t size;
        uint8_t *data;
        if (i == 1 || strcmp(argv[i], argv[i - 2]) != 0) {
            lic_weights_close(weights);
            data = read_file(argv[i], &size);
            of_weights = lic_weights_open(data, size, &weights, &weights_error);
            free(data);
        }
        data = read_file(argv[i + 1], &size);
        error = weights_error;
        if (of_weights == LIC_OK && lic_open(data, size, MAX_PIXELS, &file, &error) == LIC_OK) {
            decode(file, weights, argv[i + 1], &error);
            lic_close(file);
        }
        printf("%d %s\n", (int)error.status, error.message);
        free(data);
    }
    lic_weights_close(weights);
    return 0;
}
