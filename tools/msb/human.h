/* Sizes and times as people read them, to Docker's rules, so that a table looks as it always did.
 */
#ifndef HUMAN_H
#define HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define HUMAN_TEXT 64

/* Each writes text and returns it, for use inside an argument list. */

/* "0B", "4.5MB", "1.23GB": decimal units, three significant digits. */
char *human_size(uint64_t bytes, char text[HUMAN_TEXT]);

/* "Less than a second", "59 seconds", "About a minute", "2 weeks". */
char *human_duration(int64_t ns, char text[HUMAN_TEXT]);

/* How long ago then was at now: "59 seconds ago". */
char *human_since(int64_t then_ns, int64_t now_ns, char text[HUMAN_TEXT]);

/* What a step or a build took: "0.2s", "75.3s". */
char *human_seconds(int64_t ns, char text[HUMAN_TEXT]);

/* "2026-01-31 12:00:00 +0000 UTC", in local time. */
char *human_time(int64_t ns, char text[HUMAN_TEXT]);

/* "2026-01-31T12:00:00Z", for programs. */
char *human_time_iso(int64_t ns, char text[HUMAN_TEXT]);

/* Nanoseconds since 1970. */
int64_t human_now(void);

#endif
