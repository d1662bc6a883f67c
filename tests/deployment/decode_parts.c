/* Decodes parts of a file: decode_parts WEIGHTS FILE OUT [X Y WIDTH HEIGHT REDUCE] ...
 *
 * Prints the status of each part; OUT gets the pixels of those that decode, one after the other.
 */
#include "common.h"

/* 0 for what no picture here has: it is told before a pixel is written. */
static uint32_t reduced(uint32_t side, uint32_t factor) {
    return factor && side < 10000 ? (side + factor - 1) / factor : 0;
}

int main(int argc, char **argv) {
    lic_weights *weights;
    lic_file *file;
    lic_info info;
    size_t size;
    uint8_t *data;
    FILE *out;
    int i;

    CHECK(argc > 3);
    data = read_file(argv[1], &size);
    CHECK(lic_weights_open(data, size, &weights, NULL) == LIC_OK);
    free(data);
    data = read_file(argv[2], &size);
    CHECK(lic_open(data, size, LIC_MAX_PIXELS, &file, NULL) == LIC_OK);
    lic_get_info(file, &info);
    out = fopen(argv[3], "wb");
    CHECK(out != NULL);
    for (i = 4; i + 4 < argc; i += 5) {
        uint32_t numbers[5];
        lic_part part;
        lic_status status;
        uint8_t *pixels;
        int n;
        for (n = 0; n < 5; ++n) numbers[n] = (uint32_t)strtoul(argv[i + n], NULL, 10);
        part.x = numbers[0];
        part.y = numbers[1];
        part.width = numbers[2];
        part.height = numbers[3];
        part.reduce = numbers[4];
        size = (size_t)reduced(part.width, part.reduce) * reduced(part.height, part.reduce) *
               info.channels;
        pixels = malloc(size ? size : 1);
        status = lic_decode_part(file, weights, &part, info.channels, 2, pixels, 0, NULL);
        printf("%d\n", (int)status);
        if (status == LIC_OK) fwrite(pixels, 1, size, out);
        free(pixels);
    }
    fclose(out);
    lic_close(file);
    lic_weights_close(weights);
    free(data);
    return 0;
}
