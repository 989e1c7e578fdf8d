/*
 * An error: a code for the program and a sentence for the person.
 *
 * It lives on the caller's stack, owns nothing and needs no release. The place that knows names
 * the thing; each level up adds its context once, in front. Every function takes NULL for
 * "nobody listens".
 */
#ifndef MSB_ERROR_H
#define MSB_ERROR_H

#define MSB_ERROR_TEXT 2048

struct msb_error {
	int code; /* negative errno value; 0 while nothing failed */
	char text[MSB_ERROR_TEXT];
};

/* Sets the sentence and appends what the system says of number ("open x: No such file…").
 * number is an errno value of either sign. Returns -|number|. */
int msb_error_set(struct msb_error *err, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Sets the sentence alone, for failures the system has no words for. Returns -|number|. */
int msb_error_say(struct msb_error *err, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Puts "context: " in front of the sentence and returns code unchanged. */
int msb_error_prefix(struct msb_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* -ENOMEM with its sentence. */
int msb_error_memory(struct msb_error *err) __attribute__((cold));

#endif
