/* Decodes a lic file to a PAM file, which holds gray, RGB and alpha: an example of lic.h.
 *
 *     lic_decode WEIGHTS.safetensors IN.lic OUT.pam
 *
 * The exit code is that of `lic decode`.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lic.h"

static int fail(lic_status status, const char *message) {
    fprintf(stderr, "lic_decode: %s\n", message);
    return (int)status;
}

/* The bytes of a file, to be freed; NULL if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long length;
    if (!file) return NULL;
    if (!fseek(file, 0, SEEK_END) && (length = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET)) {
        *size = (size_t)length;
        data = malloc(*size + 1);
        if (data && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(file);
    return data;
}

static int write_pam(const char *path, const lic_info *info, const uint8_t *pixels) {
    static const char *const kinds[] = {"GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    const size_t size = (size_t)info->width * info->height * info->channels;
    FILE *file = fopen(path, "wb");
    int good;
    if (!file) return 0;
    good = fprintf(file,
                   "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n",
                   (unsigned)info->width, (unsigned)info->height, (unsigned)info->channels,
                   kinds[info->channels - 1]) > 0;
    good = good && fwrite(pixels, 1, size, file) == size;
    good = fclose(file) == 0 && good;
    if (!good) remove(path);
    return good;
}

int main(int argc, char **argv) {
    size_t weights_size = 0, size = 0;
    uint8_t *weights_data, *data, *pixels = NULL;
    lic_weights *weights = NULL;
    lic_file *file = NULL;
    lic_info info;
    lic_error error;
    int result;

    if (argc != 4) return fail(LIC_BAD_ARGUMENT, "WEIGHTS.safetensors IN.lic OUT.pam are wanted");
    weights_data = read_file(argv[1], &weights_size);
    data = read_file(argv[2], &size);
    if (!weights_data || !data) {
        result = fail(3, "a file cannot be read");
    } else if (lic_open(data, size, LIC_MAX_PIXELS, &file, &error) != LIC_OK) {
        result = fail(error.status, error.message);
    } else {
        lic_get_info(file, &info);
        pixels = malloc((size_t)info.width * info.height * info.channels);
        if (!pixels) {
            result = fail(LIC_TOO_LARGE, "there is not enough memory for the picture");
        } else if ((info.needs_weights && lic_weights_open(weights_data, weights_size, &weights,
                                                           &error) != LIC_OK) ||
                   lic_decode(file, weights, info.channels, 1, pixels, 0, &error) != LIC_OK) {
            result = fail(error.status, error.message);
        } else {
            result = write_pam(argv[3], &info, pixels) ? 0 : fail(9, "the output cannot be written");
        }
    }
    free(pixels);
    lic_close(file);
    lic_weights_close(weights);
    free(data);
    free(weights_data);
    return result;
}
