/* Masking and unmasking of payloads (RFC 6455 section 5.3). */

#include "accelerator.h"

int
takes(const char *name, Py_ssize_t wanted, Py_ssize_t count)
{
    if (count == wanted) {
        return 1;
    }
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", name, wanted, count);
    return 0;
}

int
read_key(PyObject *object, uint8_t key[KEY_SIZE])
{
    char *bytes;
    Py_ssize_t size;

    if (PyBytes_AsStringAndSize(object, &bytes, &size) < 0) {
        return -1;
    }
    if (size != KEY_SIZE) {
        PyErr_Format(PyExc_ValueError, "a masking key has 4 bytes, not %zd", size);
        return -1;
    }
    memcpy(key, bytes, KEY_SIZE);
    return 0;
}

PyObject *
apply_mask(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer data;
    PyObject *masked;
    uint8_t key[KEY_SIZE];

    if (!takes("apply_mask", 2, count) || read_key(args[1], key) < 0
        || PyObject_GetBuffer(args[0], &data, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    masked = PyBytes_FromStringAndSize(NULL, data.len);
    if (masked != NULL) {
        mask((uint8_t *)PyBytes_AsString(masked), data.buf, data.len, key, 0);
    }
    PyBuffer_Release(&data);
    return masked;
}
