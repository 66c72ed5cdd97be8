/* The module ws_core._accelerator. */

#include "accelerator.h"

#define QUOTED(text) #text
#define EXPANDED(text) QUOTED(text)

static int
execute(PyObject *module)
{
    State *state = PyModule_GetState(module);
    PyObject *os, *payload;
    int failed;

    state->keys_used = KEYS;
    os = PyImport_ImportModule("os");
    if (os == NULL) {
        return -1;
    }
    state->urandom = PyObject_GetAttrString(os, "urandom");
    Py_DECREF(os);
    if (state->urandom == NULL) {
        return -1;
    }
    payload = PyType_FromModuleAndSpec(module, &payload_spec, NULL);
    if (payload == NULL) {
        return -1;
    }
    failed = PyModule_AddObjectRef(module, "Payload", payload) < 0
             || PyModule_AddStringConstant(module, "SOURCES", EXPANDED(WS_CORE_SOURCES)) < 0;
    Py_DECREF(payload);
    return failed ? -1 : 0;
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(((State *)PyModule_GetState(module))->urandom);
    return 0;
}

static int
clear(PyObject *module)
{
    Py_CLEAR(((State *)PyModule_GetState(module))->urandom);
    return 0;
}

static void
release(void *module)
{
    clear(module);
}

static PyMethodDef functions[] = {
    {"apply_mask", (PyCFunction)(void (*)(void))apply_mask, METH_FASTCALL, NULL},
    {"encode_frame", (PyCFunction)(void (*)(void))encode_frame, METH_FASTCALL, NULL},
    {"forget_keys", forget_keys, METH_NOARGS, NULL},
    {"take_messages", (PyCFunction)(void (*)(void))take_messages, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ws_core._accelerator",
    .m_size = sizeof(State),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC
PyInit__accelerator(void)
{
    return PyModuleDef_Init(&definition);
}
