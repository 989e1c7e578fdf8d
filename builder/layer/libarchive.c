#include "libarchive.h"

#include "library.h"

struct libarchive libarchive;

#define FUNCTION(name) {"archive_" #name, &libarchive.name},
static const struct library_function functions[] = {
	LIBARCHIVE_FUNCTIONS(FUNCTION){"archive_errno", &libarchive.error_number}};
static const char *const files[] = {"libarchive.so.13", NULL};
static struct library library = {
	.name = "libarchive",
	.files = files,
	.functions = functions,
	.count = sizeof(functions) / sizeof(*functions),
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

int libarchive_load(struct msb_error *err)
{
	return library_load(&library, err);
}

int libarchive_open(struct archive **ret, struct msb_error *err)
{
	int r = libarchive_load(err);
	struct archive *archive = r < 0 ? NULL : libarchive.read_new();

	if (r < 0)
		return r;
	if (!archive)
		return msb_error_memory(err);
	*ret = archive;
	return 0;
}

void libarchive_close(struct archive *archive)
{
	if (archive)
		libarchive.read_free(archive);
}
