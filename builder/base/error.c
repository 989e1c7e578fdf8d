#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/error.h>

int msb_error_set(struct msb_error *err, int number, const char *format, ...)
{
	size_t used;
	va_list args;
	char reason[128];

	number = abs(number);
	if (!err)
		return -number;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		 strerror_r(number, reason, sizeof(reason)));
	err->code = -number;
	return err->code;
}

int msb_error_say(struct msb_error *err, int number, const char *format, ...)
{
	va_list args;

	number = abs(number);
	if (!err)
		return -number;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	err->code = -number;
	return err->code;
}

int msb_error_prefix(struct msb_error *err, int code, const char *format, ...)
{
	char rest[sizeof(err->text)];
	size_t used;
	va_list args;

	if (!err)
		return code;
	memcpy(rest, err->text, sizeof(rest));
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", rest);
	return code;
}

int msb_error_memory(struct msb_error *err)
{
	return msb_error_say(err, ENOMEM, "out of memory");
}
