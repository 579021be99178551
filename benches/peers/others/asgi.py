"""A plain ASGI app for uvicorn: what is under every framework there."""

import json

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    path = scope["path"]
    if path == "/text":
        await answer(send, 200, TEXT, b"Hello, world!")
    elif path.startswith("/json/"):
        user = int(path.removeprefix("/json/"))
        data = {
            "id": user,
            "name": f"user {user}",
            "email": "user@example.org",
            "roles": ["reader", "writer", "admin"],
        }
        await answer(send, 200, JSON, json.dumps(data, separators=(",", ":")).encode())
    else:
        await answer(send, 404, TEXT, b"not found")


async def answer(send, status, kind, body):
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
