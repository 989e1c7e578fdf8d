/* Values as Go writes them, because that is how they stand in the histories of images. */
#include <ctype.h>
#include <string.h>

#include "internal.h"

void put_quoted(struct buffer *buffer, const char *text)
{
	static const char special[] = "\"\\\n\t\r\a\b\f\v", letters[] = "\"\\ntrabfv";

	buffer_char(buffer, '"');
	for (; *text; text++) {
		const char *found = strchr(special, *text);

		if (found)
			buffer_printf(buffer, "\\%c", letters[found - special]);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			buffer_printf(buffer, "\\x%02x", (unsigned char)*text);
		else
			buffer_char(buffer, *text);
	}
	buffer_char(buffer, '"');
}

void put_quoted_list(struct buffer *buffer, const struct strlist *list)
{
	buffer_char(buffer, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buffer_char(buffer, ' ');
		put_quoted(buffer, list->items[i]);
	}
	buffer_char(buffer, ']');
}

void put_plain_list(struct buffer *buffer, const struct strlist *list)
{
	buffer_char(buffer, '[');
	for (size_t i = 0; i < list->count; i++)
		buffer_printf(buffer, "%s%s", i > 0 ? " " : "", list->items[i]);
	buffer_char(buffer, ']');
}

/* whole.fraction without zeros at the end; fraction counts in units of 10^-digits. */
static void put_decimal(struct buffer *buffer, int64_t whole, int64_t fraction, int digits)
{
	buffer_printf(buffer, "%lld", (long long)whole);
	if (fraction == 0)
		return;
	while (fraction % 10 == 0) {
		fraction /= 10;
		digits--;
	}
	buffer_printf(buffer, ".%0*lld", digits, (long long)fraction);
}

void put_duration(struct buffer *buffer, int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / 1000000000, minutes = seconds / 60;

	if (nanoseconds == 0) {
		buffer_string(buffer, "0s");
	} else if (seconds == 0) {
		/* Nothing below a millisecond gets this far. */
		put_decimal(buffer, nanoseconds / 1000000, nanoseconds % 1000000, 6);
		buffer_string(buffer, "ms");
	} else {
		if (minutes >= 60)
			buffer_printf(buffer, "%lldh", (long long)(minutes / 60));
		if (minutes > 0)
			buffer_printf(buffer, "%lldm", (long long)(minutes % 60));
		put_decimal(buffer, seconds % 60, nanoseconds % 1000000000, 9);
		buffer_char(buffer, 's');
	}
}
