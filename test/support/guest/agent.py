#!/usr/bin/python3
"""Runs what the test asks for as root: requests and answers are lines of JSON on a virtio serial port.

Unlike a login over the network it works whatever becomes of the network, the disks or the server of the guest.
"""
import json
import os
import subprocess
import threading
import time

port = os.open("/dev/virtio-ports/qbench.agent", os.O_RDWR)
lock = threading.Lock()


def run(request):
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", request["script"]],
            input=request.get("stdin", "").encode(),
            capture_output=True,
            timeout=request["timeout"],
            cwd="/",
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, err = 124, late.stdout or b"", (late.stderr or b"") + b"\nended by the test's time limit"
    text = [part.decode("utf8", "replace") for part in (out, err)]
    line = json.dumps({"id": request["id"], "code": code, "stdout": text[0], "stderr": text[1]}) + "\n"
    with lock:
        data = line.encode()
        while data:
            data = data[os.write(port, data[:32768]):]


rest = b""
while True:
    got = os.read(port, 65536)
    if not got:
        time.sleep(0.2)
        continue
    *lines, rest = (rest + got).split(b"\n")
    for line in lines:
        threading.Thread(target=run, args=(json.loads(line),)).start()
