/* Decoding of lic files, for C and every language that calls C.
 *
 * There is no global state, so that threads may share weights and files, which no call changes once
 * they are open; nothing is thrown, printed or written, and no file is opened. Bytes need not be
 * trusted: no memory is taken for a picture before its size, as the header tells it, was compared
 * with the caller's limit, and what is damaged is an error.
 *
 *     lic_weights *weights;
 *     lic_file *file;
 *     lic_info info;
 *     if (lic_weights_open(w, w_size, &weights, &error) == LIC_OK &&
 *         lic_open(f, f_size, LIC_MAX_PIXELS, &file, &error) == LIC_OK) {
 *         lic_get_info(file, &info);
 *         pixels = malloc((size_t)info.width * info.height * info.channels);
 *         lic_decode(file, weights, info.channels, 1, pixels, 0, &error);
 *     }
 */
#ifndef LIC_H
#define LIC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The exit codes of the command line, as far as they concern a decoder. */
typedef enum lic_status {
    LIC_OK = 0,
    LIC_ERROR = 1,               /* one without a number of its own */
    LIC_BAD_ARGUMENT = 2,        /* of the call */
    LIC_CORRUPT = 4,             /* damaged, or no lic file */
    LIC_TRUNCATED = 5,           /* the file ends too early */
    LIC_UNSUPPORTED_VERSION = 6, /* of the file format */
    LIC_BAD_WEIGHTS = 7,         /* damaged, missing, or not those that the file was made with */
    LIC_TOO_LARGE = 8,           /* a picture of more pixels than the caller allows, or than fit */
    LIC_UNSUPPORTED_BOX = 17,    /* the file needs a newer program */
    LIC_BAD_REGION = 21          /* a part or a size that the picture does not have */
} lic_status;

/* What went wrong, in one sentence. Every function takes NULL for it, too. */
typedef struct lic_error {
    lic_status status;
    char message[252];
} lic_error;

/* What a file says of its picture; all numbers are 32 bits wide. */
typedef struct lic_info {
    uint32_t width;          /* pixels, 1 to 2^31 - 1 */
    uint32_t height;
    uint32_t channels;       /* 1: gray, 2: gray and alpha, 3: RGB, 4: RGB and alpha */
    uint32_t quality;        /* 0 to 10000 */
    uint32_t needs_weights;  /* 0 if the network codes nothing of it, as without loss */
    char weights_id[64];     /* of the weights that the file was made with */
    uint8_t weights_digest[4]; /* the first bytes of the SHA-256 of their file */
} lic_info;

/* A part of a picture, and how it is scaled down. */
typedef struct lic_part {
    uint32_t x, y;           /* its upper left pixel */
    uint32_t width, height;  /* in pixels, 1 or more; all of it lies within the picture */
    uint32_t reduce;         /* 1 to 64 */
} lic_part;

typedef enum lic_metadata { LIC_ICC, LIC_EXIF, LIC_XMP } lic_metadata;

typedef struct lic_weights lic_weights;
typedef struct lic_file lic_file;

/* As large as the command line decodes. */
#define LIC_MAX_PIXELS ((uint64_t)1 << 28)

/* A weights file of integers, that is one that `lic weights` or `lic quantize` made; its bytes are
 * not needed afterwards. Any bytes are safe. But nothing proves that the networks of a file that was
 * forged compute what lic computes: compare its digest where that matters. */
lic_status lic_weights_open(const uint8_t *data, size_t size, lic_weights **weights,
                            lic_error *error);
/* The SHA-256 of the weights file. */
void lic_weights_digest(const lic_weights *weights, uint8_t digest[32]);
void lic_weights_close(lic_weights *weights);

/* Reads and verifies a whole file, but for its pixels. Its bytes must stay where they are until the
 * file is closed. `max_pixels` limits the picture, its sides rounded up to multiples of 64. */
lic_status lic_open(const uint8_t *data, size_t size, uint64_t max_pixels, lic_file **file,
                    lic_error *error);
void lic_get_info(const lic_file *file, lic_info *info);
/* The bytes of an ICC profile, EXIF or XMP, which the file owns; NULL if it has none. Without a
 * profile, colours are sRGB. The picture is upright, whatever EXIF says. */
const uint8_t *lic_get_metadata(const lic_file *file, lic_metadata kind, size_t *size);
void lic_close(lic_file *file);

/* Writes the pixels, row by row, 8 bits a sample, `stride` bytes from row to row, or as many as a
 * row takes if it is 0. `channels` are those of lic_info, or 3 or 4 for any picture: gray becomes
 * RGB; alpha, not premultiplied, is 255 where there is none, and left out of 3. `threads` is how
 * many may work, 1 to 64. `weights` may be NULL if the file does not need any. After an error the
 * pixels mean nothing. */
lic_status lic_decode(const lic_file *file, const lic_weights *weights, uint32_t channels,
                      uint32_t threads, uint8_t *pixels, size_t stride, lic_error *error);

/* As lic_decode for a part alone, in the time that it takes and the tiles in which it lies. Each
 * pixel is the mean of `reduce` x `reduce` of the part's, or of what is left of them at its right
 * and lower edge, weighted by alpha unless that is left out. Rows have width / reduce pixels,
 * rounded up. */
lic_status lic_decode_part(const lic_file *file, const lic_weights *weights, const lic_part *part,
                           uint32_t channels, uint32_t threads, uint8_t *pixels, size_t stride,
                           lic_error *error);

#ifdef __cplusplus
}
#endif

#endif
