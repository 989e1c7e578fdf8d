#include "libcurl.h"

#include "library.h"

struct libcurl libcurl;

#define FUNCTION(name) {"curl_" #name, &libcurl.name},
static const struct library_function functions[] = {LIBCURL_FUNCTIONS(FUNCTION)};
/* Either flavour of Debian's will do. */
static const char *const files[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
static struct library library = {
	.name = "libcurl",
	.files = files,
	.functions = functions,
	.count = sizeof(functions) / sizeof(*functions),
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

int libcurl_load(struct msb_error *err)
{
	return library_load(&library, err);
}
