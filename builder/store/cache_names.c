#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <msb/cache_names.h>
#include <msb/cleanup.h>
#include <msb/digest.h>

#include "buffer.h"

/* So that any number fits behind it. */
#define SHOWN_MAX  (NAME_MAX - 12)
#define NUMBER_MAX 100000

char *msb_cache_place(const char *id, char ret[MSB_CACHE_PLACE])
{
	struct msb_digest digest;
	char text[MSB_DIGEST_TEXT];

	msb_digest_of(id, strlen(id), &digest);
	msb_digest_format(&digest, text);
	memcpy(ret, text + strlen("sha256:"), MSB_CACHE_PLACE - 1);
	ret[MSB_CACHE_PLACE - 1] = '\0';
	return ret;
}

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c != 0x7f && !strchr("/~%", c);
}

static void show(const char *id, struct buffer *ret)
{
	bool dots = strcmp(id, ".") == 0 || strcmp(id, "..") == 0;

	for (const char *c = id; *c && ret->size <= SHOWN_MAX; c++)
		if (!dots && is_plain((unsigned char)*c))
			buffer_char(ret, *c);
		else
			buffer_printf(ret, "%%%02X", (unsigned char)*c);
}

char *msb_cache_shown(const char *id, unsigned number)
{
	autobuffer text = {0};
	char place[MSB_CACHE_PLACE];

	show(id, &text);
	if (text.size > SHOWN_MAX || !*id) {
		buffer_done(&text);
		buffer_string(&text, msb_cache_place(id, place));
	}
	if (number)
		buffer_printf(&text, "~%u", number);
	return buffer_text(&text);
}

/* In place. False for a '%' without its two digits. */
static bool unescape(char *text)
{
	char *to = text, digits[3] = "";

	for (const char *c = text; *c; c++) {
		if (*c != '%') {
			*to++ = *c;
			continue;
		}
		if (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2]))
			return false;
		memcpy(digits, c + 1, 2);
		*to = (char)strtoul(digits, NULL, 16);
		if (!*to++)
			return false;
		c += 2;
	}
	*to = '\0';
	return true;
}

int msb_cache_parse(const char *shown, char ret_place[MSB_CACHE_PLACE], unsigned *ret_number)
{
	autofree char *id = strdup(shown);
	autofree char *again = NULL;
	char *tilde = id ? strchr(id, '~') : NULL;
	unsigned long number = 0;

	if (!id)
		return -ENOMEM;
	if (tilde) {
		number = isdigit((unsigned char)tilde[1]) ? strtoul(tilde + 1, NULL, 10) : 0;
		if (number == 0 || number > NUMBER_MAX)
			return -ENOENT;
		*tilde = '\0';
	}
	if (!unescape(id))
		return -ENOENT;
	/* One name a directory: what reads the same in another way is none. */
	again = msb_cache_shown(id, (unsigned)number);
	if (!again)
		return -ENOMEM;
	if (strcmp(again, shown) != 0)
		return -ENOENT;
	msb_cache_place(id, ret_place);
	*ret_number = (unsigned)number;
	return 0;
}
