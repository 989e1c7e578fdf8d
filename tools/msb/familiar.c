#include "familiar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msb/builder.h>

char *familiar_name(const char *normalized)
{
	autofree char *repository = NULL, *tag = NULL;
	char *name;

	if (!strchr(normalized, '/') || strchr(normalized, '@') ||
	    msb_reference_split(normalized, &repository, &tag, NULL) < 0 || !repository || !tag)
		return strdup(normalized);
	return asprintf(&name, "%s:%s", repository, tag) < 0 ? NULL : name;
}
