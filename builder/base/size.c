#include "size.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST 0x1p60

bool size_parse(const char *text, uint64_t *ret)
{
	static const char letters[] = "kmgtp";
	size_t digits = strspn(text, "0123456789.");
	const char *unit = text + digits, *letter;
	double size;
	char *end;

	if (digits == 0 || digits > 20 || !isdigit((unsigned char)*text))
		return false;
	size = strtod(text, &end);
	if (end != unit)
		return false;
	unit += *unit == ' ';
	letter = *unit ? strchr(letters, tolower((unsigned char)*unit)) : NULL;
	for (const char *c = letters; letter && c <= letter; c++)
		size *= 1024;
	unit += letter != NULL;
	if (letter && tolower((unsigned char)*unit) == 'i')
		unit++;
	unit += tolower((unsigned char)*unit) == 'b';
	if (*unit || size > MOST)
		return false;
	*ret = (uint64_t)size;
	return true;
}
