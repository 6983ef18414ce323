"""Silver: bronze rows typed and judged by contract; accepted versions, refused rows with reasons, and the balance.

Natural ids end here: everything downstream knows `customer_key`. No window, label or feature is computed here.
"""
