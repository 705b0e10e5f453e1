// A timer that goes on at its rate while the page's tab is hidden, where browsers slow down a page's own timers: it
// runs in a small worker. Where there can be no worker, it is the page's own.

const SCRIPT = "let timer = 0; onmessage = ({ data }) => { clearInterval(timer); " +
  "if (data > 0) timer = setInterval(() => postMessage(0), data); };";

/** Calls a function again and again. */
export class Ticker {
  #tick;
  #milliseconds;
  #worker = null;
  #timer = 0;
  #isRunning = false;
  #isRefused = false;

  /**
   * @param {() => void} tick
   * @param {number} milliseconds between two calls
   */
  constructor(tick, milliseconds) {
    this.#tick = () => {
      if (this.#isRunning) tick();
    };
    this.#milliseconds = milliseconds;
  }

  /** Starts calling, from the next time on. */
  start() {
    this.#isRunning = true;
    if (!this.#isRefused) this.#worker ??= this.#workerOrNull();
    if (this.#worker) this.#worker.postMessage(this.#milliseconds);
    else this.#timer = setInterval(this.#tick, this.#milliseconds);
  }

  /** Stops calling. */
  stop() {
    this.#isRunning = false;
    this.#worker?.postMessage(0);
    clearInterval(this.#timer);
  }

  #workerOrNull() {
    try {
      const worker = new Worker(URL.createObjectURL(new Blob([SCRIPT], { type: "text/javascript" })));
      worker.onmessage = this.#tick;
      worker.onerror = () => this.#withoutWorker();
      return worker;
    } catch {
      return null;
    }
  }

  /** Some browsers say only later that they don't start a worker. */
  #withoutWorker() {
    this.#worker = null;
    this.#isRefused = true;
    if (this.#isRunning) this.start();
  }
}
