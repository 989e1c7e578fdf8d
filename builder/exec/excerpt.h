/* A place of the Dockerfile, shown. */
#ifndef EXCERPT_H
#define EXCERPT_H

/* The lines around an instruction, its own marked ">>>". Owned; NULL: no memory. */
char *excerpt_of(const char *name, const char *text, int line, int end_line);

#endif
