"""Silver: bronze rows typed and judged by their contracts; accepted versions, refused rows with their reason, and the balance.

Natural ids end here: everything downstream knows customers by `customer_key`. No window, label or feature is computed here.
"""
