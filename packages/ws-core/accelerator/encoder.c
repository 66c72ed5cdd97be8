/* Frames, as we send them. */

#include "accelerator.h"

/* 2 bytes, 8 of an extended length, and the masking key. */
enum { LONGEST_HEADER = 14 };

/* The next masking key (RFC 6455 section 10.3: from a strong source of entropy), or NULL with an
 * error set. */
static const uint8_t *
new_key(State *state)
{
    if (state->keys_used == KEYS) {
        PyObject *drawn = PyObject_CallFunction(state->urandom, "i", KEYS * KEY_SIZE);
        char *bytes;
        Py_ssize_t size;

        if (drawn == NULL) {
            return NULL;
        }
        if (PyBytes_AsStringAndSize(drawn, &bytes, &size) < 0) {
            Py_DECREF(drawn);
            return NULL;
        }
        if (size != (Py_ssize_t)sizeof(state->keys)) {
            PyErr_SetString(PyExc_SystemError, "os.urandom gave less than was asked for");
            Py_DECREF(drawn);
            return NULL;
        }
        memcpy(state->keys, bytes, sizeof(state->keys));
        Py_DECREF(drawn);
        state->keys_used = 0;
    }
    return state->keys + KEY_SIZE * state->keys_used++;
}

PyObject *
forget_keys(PyObject *module, PyObject *unused)
{
    ((State *)PyModule_GetState(module))->keys_used = KEYS;
    Py_RETURN_NONE;
}

/* Write a header without its masking key; its size. */
static Py_ssize_t
write_header(uint8_t *header, uint8_t first, Py_ssize_t size, int masked)
{
    const uint8_t mask_bit = masked ? 0x80 : 0;
    Py_ssize_t width, i;

    header[0] = first;
    if (size <= 125) {
        header[1] = mask_bit | (uint8_t)size;
        return 2;
    }
    width = size <= 0xFFFF ? 2 : 8;
    header[1] = mask_bit | (width == 2 ? 126 : 127);
    for (i = 0; i < width; i++) {
        header[2 + i] = (uint8_t)((uint64_t)size >> (8 * (width - 1 - i)));
    }
    return 2 + width;
}

PyObject *
encode_frame(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *frame;
    uint8_t header[LONGEST_HEADER], *to;
    const uint8_t *key = NULL;
    char *payload;
    long first;
    int masked;
    Py_ssize_t size, header_size;

    if (!takes("encode_frame", 3, count)
        || ((first = PyLong_AsLong(args[0])) == -1 && PyErr_Occurred())
        || PyBytes_AsStringAndSize(args[1], &payload, &size) < 0
        || (masked = PyObject_IsTrue(args[2])) < 0) {
        return NULL;
    }
    if (first < 0 || first > 0xFF) {
        PyErr_SetString(PyExc_ValueError, "the first byte must be in range(0, 256)");
        return NULL;
    }
    header_size = write_header(header, (uint8_t)first, size, masked);
    if (masked) {
        key = new_key(PyModule_GetState(module));
        if (key == NULL) {
            return NULL;
        }
        memcpy(header + header_size, key, KEY_SIZE);
        header_size += KEY_SIZE;
    }
    frame = PyBytes_FromStringAndSize(NULL, header_size + size);
    if (frame == NULL) {
        return NULL;
    }
    to = (uint8_t *)PyBytes_AsString(frame);
    memcpy(to, header, header_size);
    if (masked) {
        mask(to + header_size, (uint8_t *)payload, size, key, 0);
    }
    else {
        memcpy(to + header_size, payload, size);
    }
    return frame;
}
