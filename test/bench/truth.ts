/** Exact nearest neighbours of one query among rows that come one after the other. */

export class Neighbours {
  /** Ascending by cosine: the first is the one to go. */
  private readonly kept: { row: number; cosine: number }[] = [];
  private worst = -Infinity;

  constructor(
    private readonly query: Float32Array,
    private readonly k: number,
  ) {}

  offer(row: number, vector: Float32Array): void {
    const { query } = this;
    let dot = 0;
    let squares = 0;
    for (let i = 0; i < query.length; i++) {
      const value = vector[i] as number;
      dot += (query[i] as number) * value;
      squares += value * value;
    }
    const cosine = dot / Math.sqrt(squares);
    if (this.kept.length === this.k && cosine <= this.worst) return;
    if (this.kept.length === this.k) this.kept.shift();
    let at = this.kept.length;
    while (at > 0 && (this.kept[at - 1]?.cosine ?? 0) > cosine) at--;
    this.kept.splice(at, 0, { row, cosine });
    this.worst = this.kept.length === this.k ? (this.kept[0]?.cosine ?? -Infinity) : -Infinity;
  }

  /** The rows kept, nearest first. */
  rows(): number[] {
    return this.kept.map(({ row }) => row).reverse();
  }
}
