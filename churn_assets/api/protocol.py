"""HTTP of uvicorn with a limit of the headers, which its parser lacks."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 * 1024


class LimitedHeaders(HttpToolsProtocol):
    """Closes a connection whose address and headers are larger than 64 KiB; nothing of them is kept."""

    _in_head, _head_bytes = True, 0

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to headers that have not ended yet."""
        self._ended = False
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head and not self._ended else 0
        if self._head_bytes > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_headers_complete(self) -> None:
        """Begins the request; an exception makes the parser answer 400."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_BYTES:
            raise ValueError("The headers are too large.")
        self._in_head, self._ended = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next request may follow. What came with the end of a body is not counted as its headers."""
        self._in_head, self._ended = True, True
        super().on_message_complete()
