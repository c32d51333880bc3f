import { main } from "./build/client.js";

await main(process.argv[2]);
