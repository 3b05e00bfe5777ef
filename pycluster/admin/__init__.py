"""Commands about the connection and the server."""
