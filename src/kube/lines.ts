// Splits a byte stream into lines: how the API server frames watch events (one JSON document per line).

/** Yields the non-empty lines of a UTF-8 stream; a last line without its newline is dropped as cut off. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    // Only the new part can have a newline: an object of many chunks is not searched again for each.
    let searchFrom = rest.length;
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = rest.indexOf('\n', searchFrom); end >= 0; end = rest.indexOf('\n', searchFrom)) {
      if (end > from) yield rest.slice(from, end);
      from = end + 1;
      searchFrom = from;
    }
    rest = rest.slice(from);
  }
}
