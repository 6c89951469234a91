// Says which generation answers.
export default (_req, res) => res.end(`${process.env.HOLDFAST_GENERATION}\n`);
