/** Requests and answers as lines of JSON over a unix socket; an answer is known by its `id`. What has none is an event. */
import { createConnection, type Socket } from 'node:net';

type Message = Record<string, unknown>;

const OPEN_MS = 30_000;

export class LineSocket {
  private rest = '';
  private next = 1;
  private readonly waiting = new Map<number, { resolve: (answer: Message) => void; reject: (error: Error) => void }>();

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.take(text));
    socket.on('error', () => undefined);
    socket.on('close', () => this.fail());
  }

  /** Connects, waiting until somebody listens. */
  static async open(path: string): Promise<LineSocket> {
    const deadline = performance.now() + OPEN_MS;
    for (;;) {
      const socket = await new Promise<Socket | undefined>((resolve) => {
        const tried = createConnection(path, () => resolve(tried));
        tried.once('error', () => resolve(undefined));
      });
      if (socket !== undefined) return new LineSocket(socket);
      if (performance.now() > deadline) throw new Error(`nobody listens at ${path}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  request(message: Message): Promise<Message> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) {
        reject(new Error('the other side is gone'));
        return;
      }
      this.waiting.set(id, { resolve, reject });
      this.socket.write(`${JSON.stringify({ ...message, id })}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
    this.fail();
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      const message = JSON.parse(line) as Message;
      const waiting = this.waiting.get(Number(message['id']));
      if (waiting === undefined) continue;
      this.waiting.delete(Number(message['id']));
      waiting.resolve(message);
    }
  }

  private fail(): void {
    for (const { reject } of this.waiting.values()) reject(new Error('the other side is gone'));
    this.waiting.clear();
  }
}
