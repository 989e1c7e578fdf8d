/* Times as RFC 3339 writes them, and Go's encoding/json: no zeros at the fraction's end. */
#ifndef RFC3339_H
#define RFC3339_H

#include <stdint.h>

#define TIME_TEXT 48

/* Nanoseconds since 1970. -EINVAL. Years outside of what 64 bits of them hold, such as Go's zero
 * time, are read as 0. */
int time_parse(const char *text, int64_t *ret_ns);
char *time_format(int64_t ns, char text[TIME_TEXT]); /* returns text */

#endif
