/** What API servers of a test file speak: HTTP/2 and HTTP/1.1, unless the file that imports the tests says otherwise. */
export const spoken = { http2: true };
