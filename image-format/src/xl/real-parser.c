/* Says what Xen's own parsers (libxlutil) make of texts, for real-parser.test.ts. A request on stdin is a letter, 'c' for a configuration or 'd' for a disk, the
   length in bytes as a decimal number, a newline, and the text. The answer is a line of JSON: null for what is refused; of a configuration the options k, a and b
   as strings or lists of strings (null for what is neither), of a disk what `convirt xl disk` calls its parts. Bytes above 126 are told as \u00NN each. */
#include <libxl.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>

static void text(const char *value)
{
    if (value == NULL) {
        printf("null");
        return;
    }
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)value; *at != 0; at++)
        if (*at < 32 || *at > 126 || *at == '"' || *at == '\\')
            printf("\\u%04x", *at);
        else
            putchar(*at);
    putchar('"');
}

static void option(XLU_Config *config, const char *name)
{
    const char *value;
    XLU_ConfigList *list;
    int items;

    printf("\"%s\":", name);
    if (xlu_cfg_get_string(config, name, &value, 1) == 0) {
        text(value);
    } else if (xlu_cfg_get_list(config, name, &list, &items, 1) == 0) {
        putchar('[');
        for (int item = 0; item < items; item++) {
            if (item > 0)
                putchar(',');
            text(xlu_cfg_get_listitem(list, item));
        }
        putchar(']');
    } else {
        printf("null");
    }
}

static void configuration(const char *source, size_t length, FILE *nowhere)
{
    XLU_Config *config = xlu_cfg_init(nowhere, "input");

    if (xlu_cfg_readdata(config, source, (int)length) != 0) {
        printf("null");
    } else {
        putchar('{');
        option(config, "k");
        putchar(',');
        option(config, "a");
        putchar(',');
        option(config, "b");
        putchar('}');
    }
    xlu_cfg_destroy(config);
}

static void disk(const char *entry, FILE *nowhere)
{
    XLU_Config *config = xlu_cfg_init(nowhere, "input");
    libxl_device_disk parsed;

    libxl_device_disk_init(&parsed);
    if (xlu_disk_parse(config, 1, &entry, &parsed) != 0) {
        printf("null");
    } else {
        printf("{\"target\":");
        text(parsed.pdev_path);
        printf(",\"vdev\":");
        text(parsed.vdev);
        printf(",\"script\":");
        text(parsed.script);
        printf(",\"backend\":");
        text(parsed.backend_domname);
        printf(",\"readwrite\":%s,\"cdrom\":%s,\"format\":", parsed.readwrite ? "true" : "false",
               parsed.is_cdrom ? "true" : "false");
        text(libxl_disk_format_to_string(parsed.format));
        putchar('}');
    }
    libxl_device_disk_dispose(&parsed);
    xlu_cfg_destroy(config);
}

int main(void)
{
    FILE *nowhere = fopen("/dev/null", "w");
    char kind;
    size_t length;

    while (scanf("%c%zu", &kind, &length) == 2 && getchar() == '\n') {
        char *input = calloc(1, length + 1);

        if (input == NULL || fread(input, 1, length, stdin) != length)
            return 1;
        if (kind == 'c')
            configuration(input, length, nowhere);
        else
            disk(input, nowhere);
        putchar('\n');
        /* Before the next: some texts end Xen's parser, and this program with it. */
        fflush(stdout);
        free(input);
    }
    return 0;
}
