"""The handshake of `seal.py` on a socket: who proves what, in which order, and how long anybody waits."""

from __future__ import annotations

import asyncio
import socket

from media.seal import GREETING_BYTES, PROOF_BYTES, Handshake, Seal, WrongKey

PATIENCE_S = 5.0


async def greet_host(sock: socket.socket, key: bytes) -> Seal:
    """The server's part. Raises WrongKey, OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    shake = Handshake(key, is_host=False)
    async with asyncio.timeout(PATIENCE_S):
        await loop.sock_sendall(sock, shake.greeting)
        shake.read_greeting(await _exactly(sock, GREETING_BYTES))
        shake.check(await _exactly(sock, PROOF_BYTES))
        await loop.sock_sendall(sock, shake.proof)
    return shake.seal()


async def greet_server(sock: socket.socket, key: bytes) -> Seal:
    """The host's part. Raises WrongKey, OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    shake = Handshake(key, is_host=True)
    async with asyncio.timeout(PATIENCE_S):
        shake.read_greeting(await _exactly(sock, GREETING_BYTES))
        await loop.sock_sendall(sock, shake.greeting + shake.proof)
        try:
            theirs = await _exactly(sock, PROOF_BYTES)
        except ConnectionError:
            # It does not say why, for strangers' sake; a server that hangs up just here did not like our proof.
            raise WrongKey("it does not take our key") from None
        shake.check(theirs)
    return shake.seal()


async def _exactly(sock: socket.socket, count: int) -> bytes:
    """No byte more than is meant for the handshake."""
    loop = asyncio.get_running_loop()
    came = b""
    while len(came) < count:
        piece = await loop.sock_recv(sock, count - len(came))
        if not piece:
            raise ConnectionResetError("it hung up")
        came += piece
    return came
