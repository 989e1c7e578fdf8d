#include "libseccomp.h"

#include "library.h"

struct libseccomp libseccomp;

#define FUNCTION(name) {"seccomp_" #name, &libseccomp.name},
static const struct library_function functions[] = {LIBSECCOMP_FUNCTIONS(FUNCTION)};
static const char *const files[] = {"libseccomp.so.2", NULL};
static struct library library = {
	.name = "libseccomp",
	.files = files,
	.functions = functions,
	.count = sizeof(functions) / sizeof(*functions),
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

int libseccomp_load(struct msb_error *err)
{
	return library_load(&library, err);
}
