/* A buffer of its own for one long payload. */

#include "accelerator.h"

/* The room that a payload gets at first, and how many times as much when that is full. It is not
 * touched before it is filled, so what is resident follows what came. */
enum { FIRST_ROOM = 64 * 1024, MORE_ROOM = 16 };

typedef struct {
    PyObject_HEAD
    PyObject *bytes;
    Py_ssize_t size;
    Py_ssize_t room;
    Py_ssize_t filled;
    Py_ssize_t exports;
    int masked;
    uint8_t key[KEY_SIZE];
} Payload;

static PyObject *
payload_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    char *names[] = {"", "", NULL};
    Payload *self;
    PyObject *key;
    Py_ssize_t size;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "nS:Payload", names, &size, &key)) {
        return NULL;
    }
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "a payload has no negative size");
        return NULL;
    }
    self = (Payload *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->size = size;
    self->room = size < FIRST_ROOM ? size : FIRST_ROOM;
    self->masked = PyBytes_Size(key) != 0;
    if (self->masked && read_key(key, self->key) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->bytes = PyBytes_FromStringAndSize(NULL, self->room);
    if (self->bytes == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
payload_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(((Payload *)self)->bytes);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int
payload_get_buffer(PyObject *object, Py_buffer *view, int flags)
{
    Payload *self = (Payload *)object;
    char *start;

    view->obj = NULL;
    if (self->bytes == NULL) {
        PyErr_SetString(PyExc_BufferError, "the payload was taken");
        return -1;
    }
    start = PyBytes_AsString(self->bytes) + self->filled;
    if (PyBuffer_FillInfo(view, object, start, self->room - self->filled, 0, flags) < 0) {
        return -1;
    }
    self->exports++;
    return 0;
}

static void
payload_release_buffer(PyObject *self, Py_buffer *view)
{
    ((Payload *)self)->exports--;
}

/* Whether nobody looks at the bytes. */
static int
is_free(const Payload *self)
{
    if (self->bytes == NULL) {
        PyErr_SetString(PyExc_BufferError, "the payload was taken");
    }
    else if (self->exports) {
        PyErr_SetString(PyExc_BufferError, "the room was not released");
    }
    else {
        return 1;
    }
    return 0;
}

static int
make_room(Payload *self)
{
    PyObject *more;
    Py_ssize_t room = self->size;

    if (self->room < self->size / MORE_ROOM) {
        room = self->room * MORE_ROOM;
    }
    more = PyBytes_FromStringAndSize(NULL, room);
    if (more == NULL) {
        return -1;
    }
    memcpy(PyBytes_AsString(more), PyBytes_AsString(self->bytes), self->filled);
    Py_DECREF(self->bytes);
    self->bytes = more;
    self->room = room;
    return 0;
}

static PyObject *
payload_room(PyObject *object, PyObject *unused)
{
    Payload *self = (Payload *)object;

    if (!is_free(self)
        || (self->filled == self->room && self->room < self->size && make_room(self) < 0)) {
        return NULL;
    }
    return PyMemoryView_FromObject(object);
}

static PyObject *
payload_filled(PyObject *object, PyObject *argument)
{
    Payload *self = (Payload *)object;
    Py_ssize_t count = PyLong_AsSsize_t(argument);

    if ((count == -1 && PyErr_Occurred()) || !is_free(self)) {
        return NULL;
    }
    if (count < 0 || count > self->room - self->filled) {
        PyErr_Format(PyExc_ValueError, "there is no room for %zd bytes", count);
        return NULL;
    }
    if (self->masked) {
        uint8_t *start = (uint8_t *)PyBytes_AsString(self->bytes) + self->filled;
        mask(start, start, count, self->key, self->filled % KEY_SIZE);
    }
    self->filled += count;
    Py_RETURN_NONE;
}

static PyObject *
payload_take(PyObject *object, PyObject *unused)
{
    Payload *self = (Payload *)object;
    PyObject *bytes;

    if (!is_free(self)) {
        return NULL;
    }
    if (self->filled < self->size) {
        PyErr_Format(PyExc_ValueError, "%zd bytes are missing", self->size - self->filled);
        return NULL;
    }
    bytes = self->bytes;
    self->bytes = NULL;
    return bytes;
}

static PyObject *
payload_missing(PyObject *object, void *unused)
{
    Payload *self = (Payload *)object;

    return PyLong_FromSsize_t(self->size - self->filled);
}

static PyMethodDef payload_methods[] = {
    {"room", payload_room, METH_NOARGS, NULL},
    {"filled", payload_filled, METH_O, NULL},
    {"take", payload_take, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef payload_attributes[] = {
    {"missing", payload_missing, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot payload_slots[] = {
    {Py_tp_new, payload_new},
    {Py_tp_dealloc, payload_dealloc},
    {Py_tp_methods, payload_methods},
    {Py_tp_getset, payload_attributes},
    {Py_bf_getbuffer, payload_get_buffer},
    {Py_bf_releasebuffer, payload_release_buffer},
    {0, NULL},
};

PyType_Spec payload_spec = {
    .name = "ws_core._accelerator.Payload",
    .basicsize = sizeof(Payload),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = payload_slots,
};
