/* What is done to every byte of every message, in C.
 *
 * The same names as in ws_core/_pure.py, which says what they do; the tests hold both to the same.
 * Only Python's stable ABI is used, so that one build serves CPython 3.11 and everything newer.
 * Nothing here reports what a peer did wrong: whatever is not plain stays where it is, and the
 * frame reader, in Python, finds out why.
 */

#ifndef WS_CORE_ACCELERATOR_H
#define WS_CORE_ACCELERATOR_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <string.h>

enum {
    KEY_SIZE = 4,
    /* Masking keys that are drawn from the system at a time. */
    KEYS = 256,
};

/* A fingerprint of these files, given by hatch_build.py: the tests find a build that is older. */
#ifndef WS_CORE_SOURCES
#define WS_CORE_SOURCES unknown
#endif

/* What belongs to one import of the module. */
typedef struct {
    PyObject *urandom;
    uint8_t keys[KEYS * KEY_SIZE];
    Py_ssize_t keys_used;
} State;

/* XOR `size` bytes of `from` with the masking key into `to`, which may be the same place; the first
 * of them stands at `offset` in the payload (RFC 6455 section 5.3). Compilers make vector
 * instructions of the loop. */
static inline void
mask(uint8_t *to, const uint8_t *from, Py_ssize_t size, const uint8_t *key, Py_ssize_t offset)
{
    uint8_t turned[8];
    uint64_t pattern, word;
    Py_ssize_t i;

    for (i = 0; i < 8; i++) {
        turned[i] = key[(i + offset) % KEY_SIZE];
    }
    memcpy(&pattern, turned, 8);
    for (i = size / 8; i > 0; i--) {
        memcpy(&word, from, 8);
        word ^= pattern;
        memcpy(to, &word, 8);
        from += 8;
        to += 8;
    }
    for (i = 0; i < size % 8; i++) {
        to[i] = from[i] ^ turned[i];
    }
}

PyObject *apply_mask(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *encode_frame(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *forget_keys(PyObject *module, PyObject *unused);
PyObject *take_messages(PyObject *module, PyObject *const *args, Py_ssize_t count);
extern PyType_Spec payload_spec;

/* Whether a function was given as many arguments as it takes; if not, an error is set. */
int takes(const char *name, Py_ssize_t wanted, Py_ssize_t count);

/* Copy a masking key; -1 with an error set if that is none. */
int read_key(PyObject *object, uint8_t key[KEY_SIZE]);

#endif
