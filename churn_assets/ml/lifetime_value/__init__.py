"""What customers are expected to earn within a horizon: from survival curves, or from purchases without a contract.

Values are discounted to the day of the prediction, and a backtest compares them with what was earned since.

May import: nothing of this project.
"""
