/* For http.c alone: libcurl, loaded when somebody first speaks to a server. */
#ifndef LIBCURL_H
#define LIBCURL_H

#include <curl/curl.h>

#include <msb/error.h>

/* Each without "curl_" in front. */
/* clang-format off */
#define LIBCURL_FUNCTIONS(each) \
	each(easy_cleanup) each(easy_escape) each(easy_init) each(easy_perform) \
	each(easy_reset) each(easy_setopt) each(easy_strerror) each(free) \
	each(getdate) each(global_init) each(slist_append) each(slist_free_all) \
	each(url) each(url_cleanup) each(url_get) each(url_set)
/* clang-format on */

#define LIBCURL_MEMBER(name) __typeof__(curl_##name) *name;
struct libcurl {
	LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
};
extern struct libcurl libcurl; /* filled in by libcurl_load() */

int libcurl_load(struct msb_error *err);

#endif
