#include "text.h"

#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define ESCAPE 0x1b
#define BELL   0x07

/* Of a sequence of that length. */
static uint32_t utf8_code(const uint8_t *bytes, size_t length)
{
	uint32_t code = bytes[0] & (0x7fu >> length);

	for (size_t i = 1; i < length; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	return code;
}

/* Length of the well-formed UTF-8 sequence at bytes, 0 when there is none. */
static size_t utf8_length(const uint8_t *bytes, size_t size)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = bytes[0] < 0x80             ? 1
			: (bytes[0] & 0xe0) == 0xc0 ? 2
			: (bytes[0] & 0xf0) == 0xe0 ? 3
			: (bytes[0] & 0xf8) == 0xf0 ? 4
						    : 0;
	uint32_t code;

	if (length == 1)
		return 1;
	if (!length || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	code = utf8_code(bytes, length);
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

/* A control character, of which there are two sets (C0 and DEL, C1), at well-formed bytes. */
static bool is_control(const uint8_t *bytes)
{
	return bytes[0] < 0x20 || bytes[0] == 0x7f || (bytes[0] == 0xc2 && bytes[1] < 0xa0);
}

/* Bytes of the escape sequence that begins at bytes[0] (ECMA-48 5.4 and 8.3.89). */
static size_t escape_length(const uint8_t *bytes, size_t size)
{
	size_t i = 2;

	if (size < 2)
		return size;
	switch (bytes[1]) {
	case '[':
		while (i < size && bytes[i] >= 0x20 && bytes[i] <= 0x3f)
			i++;
		return i < size ? i + 1 : size;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		for (; i < size; i++) {
			if (bytes[i] == BELL)
				return i + 1;
			if (bytes[i] == ESCAPE)
				return i + 1 < size ? i + 2 : size;
		}
		return size;
	default:
		i = 1;
		while (i < size && bytes[i] >= 0x20 && bytes[i] <= 0x2f)
			i++;
		return i < size ? i + 1 : size;
	}
}

static char *clean(const char *input, size_t size, bool keep_tabs)
{
	const uint8_t *bytes = (const uint8_t *)input;
	char *text = malloc(size + 1);
	size_t length = 0;

	if (!text)
		return NULL;
	for (size_t i = 0, step; i < size; i += step) {
		step = utf8_length(bytes + i, size - i);
		if (bytes[i] == ESCAPE) {
			step = escape_length(bytes + i, size - i);
		} else if (bytes[i] == '\t' || bytes[i] == '\n') {
			text[length++] = bytes[i] == '\t' && keep_tabs ? '\t' : ' ';
		} else if (!step) {
			text[length++] = '?';
			step = 1;
		} else if (!is_control(bytes + i)) {
			memcpy(text + length, bytes + i, step);
			length += step;
		}
	}
	text[length] = '\0';
	return text;
}

char *text_harmless(const char *bytes, size_t size)
{
	return clean(bytes, size, false);
}

char *text_printable(const char *bytes, size_t size)
{
	return clean(bytes, size, true);
}

char *text_path(const char *path)
{
	size_t size = strlen(path);
	char *text = malloc(size * 4 + 1);
	size_t length = 0;

	if (!text)
		return NULL;
	for (size_t i = 0, step; i < size; i += step) {
		step = utf8_length((const uint8_t *)path + i, size - i);
		if (step && !is_control((const uint8_t *)path + i)) {
			memcpy(text + length, path + i, step);
			length += step;
			continue;
		}
		step = step ? step : 1;
		for (size_t k = 0; k < step; k++)
			length += (size_t)sprintf(text + length, "\\%03o",
						  (unsigned)(uint8_t)path[i + k]);
	}
	text[length] = '\0';
	return text;
}

/* --- Columns --- */

static locale_t characters; /* NULL: the C library knows nothing of them */

static void know_characters(void)
{
	characters = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
}

/* Two of many characters of East Asia and of pictures, none of what goes onto the one before. */
static size_t columns_of(uint32_t code)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	locale_t before;
	int columns;

	if (code < 0x80 || pthread_once(&once, know_characters) != 0 || !characters)
		return 1;
	before = uselocale(characters);
	columns = wcwidth((wchar_t)code);
	uselocale(before);
	return columns < 0 ? 1 : (size_t)columns;
}

/* Of the character at text: its bytes, and its columns. */
static size_t measure_character(const char *text, size_t *ret_columns)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t length = utf8_length(bytes, strnlen(text, 4));

	*ret_columns = 1;
	if (length > 1)
		*ret_columns = columns_of(utf8_code(bytes, length));
	return length ? length : 1;
}

size_t text_width(const char *text)
{
	size_t width = 0, columns;

	while (*text) {
		text += measure_character(text, &columns);
		width += columns;
	}
	return width;
}

size_t text_cut(const char *text, size_t columns)
{
	size_t i = 0, width = 0;

	while (text[i]) {
		size_t own, length = measure_character(text + i, &own);

		width += own;
		if (width > columns)
			break;
		i += length;
	}
	return i;
}

json_t *text_json(const char *text)
{
	size_t size = text ? strlen(text) : 0;
	size_t length = 0;
	json_t *json;
	char *fixed;

	if (!text)
		return json_null();
	json = json_string(text);
	if (json || size > SIZE_MAX / 3 - 1)
		return json;
	fixed = malloc(size * 3 + 1);
	if (!fixed)
		return NULL;
	for (size_t i = 0; i < size;) {
		size_t step = utf8_length((const uint8_t *)text + i, size - i);

		memcpy(fixed + length, step ? text + i : "\xef\xbf\xbd", step ? step : 3);
		length += step ? step : 3;
		i += step ? step : 1;
	}
	fixed[length] = '\0';
	json = json_string(fixed);
	free(fixed);
	return json;
}

int text_stdout_is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}
