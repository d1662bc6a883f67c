/* Checks what functions of lic.h say of wrong calls: check_api WEIGHTS OTHER_WEIGHTS FILE, the file
 * being of the first weights, RGB, with an ICC profile "profile" and no other metadata. */
#include "common.h"

static lic_weights *open_weights(const char *path) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    lic_weights *weights;
    CHECK(lic_weights_open(data, size, &weights, NULL) == LIC_OK);
    free(data);
    return weights;
}

int main(int argc, char **argv) {
    lic_weights *weights, *others, *none;
    lic_file *file, *missing = (lic_file *)&file;
    lic_error error;
    lic_info info;
    uint8_t digest[32];
    size_t size, profile_size;
    uint8_t *data, *pixels;
    const uint8_t *profile;

    CHECK(argc == 4);
    weights = open_weights(argv[1]);
    others = open_weights(argv[2]);
    data = read_file(argv[3], &size);

    CHECK(lic_weights_open(data, size, &none, &error) == LIC_BAD_WEIGHTS && none == NULL);
    CHECK(error.status == LIC_BAD_WEIGHTS && strlen(error.message) > 0);
    CHECK(lic_weights_open(NULL, 0, &none, &error) == LIC_BAD_WEIGHTS);
    CHECK(lic_weights_open(data, size, NULL, &error) == LIC_BAD_ARGUMENT);
    CHECK(lic_open(NULL, 0, LIC_MAX_PIXELS, &missing, &error) == LIC_TRUNCATED && missing == NULL);
    CHECK(lic_open(NULL, 1, LIC_MAX_PIXELS, &missing, NULL) == LIC_BAD_ARGUMENT);
    CHECK(lic_open(data, size, 64 * 64 - 1, &missing, &error) == LIC_TOO_LARGE);

    CHECK(lic_open(data, size, 64 * 64, &file, &error) == LIC_OK);
    CHECK(error.status == LIC_OK && strlen(error.message) == 0);
    lic_get_info(file, &info);
    CHECK(info.channels == 3 && info.needs_weights && info.width <= 64 && info.height <= 64);
    lic_weights_digest(weights, digest);
    CHECK(memcmp(digest, info.weights_digest, sizeof info.weights_digest) == 0);
    profile = lic_get_metadata(file, LIC_ICC, &profile_size);
    CHECK(profile_size == 7 && memcmp(profile, "profile", 7) == 0);
    CHECK(lic_get_metadata(file, LIC_XMP, &profile_size) == NULL && profile_size == 0);

    pixels = malloc((size_t)info.width * info.height * 4);
    CHECK(lic_decode(file, NULL, 3, 1, pixels, 0, &error) == LIC_BAD_WEIGHTS);
    CHECK(lic_decode(file, others, 3, 1, pixels, 0, &error) == LIC_BAD_WEIGHTS);
    CHECK(strstr(error.message, info.weights_id) != NULL);
    CHECK(lic_decode(file, weights, 1, 1, pixels, 0, &error) == LIC_BAD_ARGUMENT);
    CHECK(lic_decode(file, weights, 5, 1, pixels, 0, &error) == LIC_BAD_ARGUMENT);
    CHECK(lic_decode(file, weights, 3, 1, NULL, 0, &error) == LIC_BAD_ARGUMENT);
    CHECK(lic_decode(file, weights, 3, 1, pixels, info.width * 3 - 1, NULL) == LIC_BAD_ARGUMENT);
    CHECK(lic_decode(file, weights, 4, 0, pixels, 0, &error) == LIC_OK);
    CHECK(lic_decode_part(file, weights, NULL, 3, 1, pixels, 0, &error) == LIC_BAD_ARGUMENT);

    free(pixels);
    lic_close(file);
    lic_close(NULL);
    lic_weights_close(weights);
    lic_weights_close(others);
    free(data);
    return 0;
}
