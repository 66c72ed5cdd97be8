/* Frames, as they come. */

#include "accelerator.h"

/* RFC 6455 section 5.2: the first bytes of whole messages that are not compressed. */
enum { WHOLE_TEXT = 0x81, WHOLE_BINARY = 0x82 };

/* Bytes of text that are unmasked on the stack. */
enum { SMALL_TEXT = 4096 };

typedef struct {
    uint8_t *key;
    uint8_t *payload;
    Py_ssize_t size;
} Frame;

/* Find the frame at `at`; whether it is a whole, plain message. */
static int
find_plain(uint8_t *at, uint8_t *end, int masked, Py_ssize_t max_size, Frame *frame)
{
    uint64_t size, least = 0;
    int width = 0, i;

    if (end - at < 2 || (at[0] != WHOLE_TEXT && at[0] != WHOLE_BINARY)
        || (at[1] >= 0x80) != masked) {
        return 0;
    }
    size = at[1] & 0x7F;
    at += 2;
    if (size > 125) {
        width = size == 126 ? 2 : 8;
        least = size == 126 ? 126 : 0x10000;
    }
    if (end - at < width + (masked ? KEY_SIZE : 0)) {
        return 0;
    }
    if (width) {
        size = 0;
        for (i = 0; i < width; i++) {
            size = size << 8 | at[i];
        }
        at += width;
    }
    frame->key = at;
    frame->payload = at + (masked ? KEY_SIZE : 0);
    if (size < least || max_size < 0 || size > (uint64_t)max_size
        || size > (uint64_t)(end - frame->payload)) {
        return 0;
    }
    frame->size = (Py_ssize_t)size;
    return 1;
}

static PyObject *
binary_message(const Frame *frame, int masked)
{
    PyObject *message = PyBytes_FromStringAndSize(NULL, frame->size);

    if (message != NULL) {
        uint8_t *to = (uint8_t *)PyBytes_AsString(message);
        if (masked) {
            mask(to, frame->payload, frame->size, frame->key, 0);
        }
        else {
            memcpy(to, frame->payload, frame->size);
        }
    }
    return message;
}

static PyObject *
text_message(const Frame *frame, int masked)
{
    uint8_t small[SMALL_TEXT], *text = frame->payload;
    PyObject *message = NULL;

    if (masked) {
        text = frame->size <= SMALL_TEXT ? small : PyMem_Malloc(frame->size);
        if (text == NULL) {
            return PyErr_NoMemory();
        }
        mask(text, frame->payload, frame->size, frame->key, 0);
    }
    message = PyUnicode_DecodeUTF8((char *)text, frame->size, "strict");
    if (masked && text != small) {
        PyMem_Free(text);
    }
    return message;
}

PyObject *
take_messages(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *messages, *message;
    Frame frame;
    uint8_t *start, *at, *end;
    int masked, failed = 0;
    Py_ssize_t max_size, most;

    if (!takes("take_messages", 4, count)) {
        return NULL;
    }
    if (!PyByteArray_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "the buffer must be a bytearray");
        return NULL;
    }
    if ((masked = PyObject_IsTrue(args[1])) < 0
        || ((max_size = PyLong_AsSsize_t(args[2])) == -1 && PyErr_Occurred())
        || ((most = PyLong_AsSsize_t(args[3])) == -1 && PyErr_Occurred())
        || (messages = PyList_New(0)) == NULL) {
        return NULL;
    }
    start = at = (uint8_t *)PyByteArray_AsString(args[0]);
    end = start + PyByteArray_Size(args[0]);
    for (; most > 0 && find_plain(at, end, masked, max_size, &frame); most--) {
        message = at[0] == WHOLE_TEXT ? text_message(&frame, masked) : binary_message(&frame, masked);
        failed = message == NULL || PyList_Append(messages, message) < 0;
        Py_XDECREF(message);
        if (failed) {
            break;
        }
        at = frame.payload + frame.size;
    }
    if (failed && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        failed = 0;
    }
    if (failed || (at != start && PySequence_DelSlice(args[0], 0, at - start) < 0)) {
        Py_DECREF(messages);
        return NULL;
    }
    return messages;
}
