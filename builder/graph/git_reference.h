/* Sources that are no files: URLs and git repositories, as ADD and build contexts name them. */
#ifndef GIT_REFERENCE_H
#define GIT_REFERENCE_H

#include <stdbool.h>

#include <msb/error.h>

/* "git://…", "ssh://…", "user@host:path", and "https://….git" (http too), each with what may
 * follow: "?key=value&…" and "#ref:directory". */
bool remote_is_git(const char *source);
/* "http://…" or "https://…", a repository's or not. */
bool remote_is_url(const char *source);

/* The file's name that a URL ends with, "__unnamed__" where it has none; owned. NULL: no memory, or
 * what is no name for a file. */
char *remote_file_name(const char *url);

struct git_reference {
	char *url;        /* what git fetches from; owned, as all below */
	char *ref;        /* branch, tag or commit; NULL: what HEAD is there */
	char *directory;  /* part of the repository, relative and clean; NULL: all of it */
	char *checksum;   /* commit that it must be, or its first digits; NULL: any */
	int keep_git_dir; /* 0 or 1; -1: not said */
	bool no_submodules;
};

/* source is one that remote_is_git(). -EINVAL with what is wrong. */
int git_reference_parse(const char *source, struct git_reference *ret, struct msb_error *err);
void git_reference_done(struct git_reference *reference);

#endif
