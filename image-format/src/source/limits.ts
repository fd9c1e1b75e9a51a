// The bounds of the format. They are counts, never clocks, so that a file is refused on every machine or on none. Each is far
// above what an image needs (a large one has 500 tokens) and low enough that the worst file is answered within 200 ms.

/** Length of a file, in UTF-16 units. */
export const maxSourceLength = 1024 * 1024;
/** Nesting of brackets, of blocks, and of values inside one another. */
export const maxNesting = 100;
/** Tokens in a file. */
export const maxTokens = 120_000;
/** Tokens that the grammar sees, plain `NAME = literal` lines apart: it takes 2 microseconds for each. */
export const maxParsedTokens = 32_000;
/** Operators and trailers (`.x`, `[x]`, `(x)`) in one expression, brackets apart: the grammar gives up on longer ones. */
export const maxChain = 300;
/** Statements, operators, calls and turns of a loop that one evaluation may take. */
export const maxSteps = 100_000;
/** Size of any one value and of all options together: characters of text, and 16 for each element. */
export const maxResult = 4 * 1024 * 1024;
/** Characters (and 16 for each element) that all operations of one evaluation together may read or write. */
export const maxWork = 64 * 1024 * 1024;
