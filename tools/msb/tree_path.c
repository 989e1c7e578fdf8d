#include "tree_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tree_path_split(const char *text, bool whole, char **ret_ref, char **ret_path,
		    struct msb_error *err)
{
	const char *colon = strstr(text, ":/");

	if (!colon && whole)
		colon = text + strlen(text);
	if (!colon)
		colon = strrchr(text, ':');
	if (!colon || colon == text)
		return msb_error_say(err, EINVAL,
				     "'%s' is not REF:PATH: write, say, build:/etc/passwd", text);
	*ret_ref = strndup(text, (size_t)(colon - text));
	if (!*ret_ref || asprintf(ret_path, "%s%s", colon[0] && colon[1] == '/' ? "" : "/",
				  colon[0] ? colon + 1 : "") < 0) {
		*ret_path = NULL;
		return msb_error_memory(err);
	}
	return 0;
}
