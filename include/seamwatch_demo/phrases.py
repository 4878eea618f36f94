"""What customers write, as material for the generator: pure data, no logic."""

from __future__ import annotations

SUBJECTS: dict[str, tuple[str, ...]] = {
    "dispute": (
        "Charge I do not recognise",
        "Wrong amount taken",
        "Charged twice",
        "Unknown payment",
        "Disputed charge",
    ),
    "invoice": (
        "Question about my invoice",
        "Need a copy of my bill",
        "Change of payment date",
        "Invoice address",
        "VAT on bill",
    ),
    "money_back": ("I want my money back", "Refund please", "Not what I expected", "Sending it back", "Reimbursement"),
    "fault": ("It stopped working", "Broken again", "Device dead", "Keeps restarting", "Red light on"),
    "slow": ("Very slow since yesterday", "Connection drops", "No signal", "Keeps buffering", "Bad quality"),
    "login": ("Cannot log in", "Password reset does not arrive", "Account locked", "Locked out", "Login code missing"),
    "cancel": (
        "Cancel my contract",
        "Ending the contract",
        "Termination",
        "Please close my subscription",
        "Leaving you",
    ),
}

VAGUE_SUBJECTS = (
    "Question",
    "Please help",
    "Your last mail",
    "Following up",
    "Need assistance",
    "Hello",
    "(no subject)",
)

CORES: dict[str, tuple[str, ...]] = {
    "dispute": (
        "there is a charge on my card statement that I never agreed to",
        "I do not recognise this payment and nobody in my household ordered anything",
        "you have debited my account twice for the same thing",
        "the amount you took is not the amount that was agreed",
        "my bank shows a transaction from you that I did not authorise",
        "I dispute this charge, I have never seen an order for it",
        "somebody seems to have used my card with you",
        "an unknown booking in your name appeared on my credit card",
    ),
    "invoice": (
        "could you send me a copy of last month's invoice as a PDF",
        "our bookkeeping needs the invoice with the correct company address",
        "I would like to move the payment date to the first of the month",
        "what does the item called service fee on my bill mean",
        "please tell me how the VAT on the invoice was worked out",
        "I changed banks and need to update the direct debit for my bills",
        "the bill has not arrived in my inbox this month",
    ),
    "money_back": (
        "I am not satisfied and would like a refund",
        "it is not what was promised so I want my money back",
        "please tell me where to send it back and when I get reimbursed",
        "I changed my mind and want to return it for a full refund",
        "the thing does not suit us at all, please reimburse me",
        "I would like to withdraw from the purchase and get the money returned",
        "how do I get my money back for this purchase",
    ),
    "fault": (
        "it does not switch on any more whatever I try",
        "the device restarts by itself every few minutes",
        "there is a red light on the front and nothing works",
        "since the last update it freezes all the time",
        "the power button does nothing and the display stays dark",
        "it gets very hot and then turns itself off",
        "I already did a factory reset and it is still broken",
        "one of the ports seems to be defective",
    ),
    "slow": (
        "the connection drops every evening around eight",
        "everything has become terribly slow since yesterday",
        "video calls keep freezing and pages take minutes to load",
        "there is hardly any signal in the whole flat",
        "the picture stutters and buffers all the time",
        "speed tests show a tenth of what I pay for",
        "it loses the connection several times an hour",
    ),
    "login": (
        "I cannot log in to my account although the password is right",
        "the reset mail for my password never arrives",
        "after three attempts my account was locked",
        "the app does not accept the login code from the text message",
        "I have a new phone number and no longer get the security code",
        "my user name is said to be unknown",
    ),
    "cancel": (
        "I want to cancel my contract at the next possible date",
        "please terminate the subscription and confirm it in writing",
        "we are moving abroad and have to end the contract",
        "I have found a better offer elsewhere and will be leaving",
        "kindly close my subscription and stop the renewal",
        "this is my notice of termination",
    ),
}

VAGUE_CORES = (
    "I have already written about this and am still waiting for an answer",
    "could somebody please call me back about my order",
    "I am quite unhappy with how this is going",
    "the chat could not help me so I am writing here",
    "please look into my case, your colleague knows the details",
    "what you told me on the phone was not right",
)

DETAILS = (
    "I have been a customer for {years} years.",
    "I ordered it from your shop in {city}.",
    "My neighbour has the same and no trouble.",
    "I tried calling but waited for {minutes} minutes.",
    "This is the {ordinal} time I am writing.",
    "You can reach me after {hour} o'clock.",
    "The reference is {reference}.",
    "It is about {sum} as far as I can see.",
    "My partner set it all up, so I may not know every detail.",
    "The colleague in {city} was very friendly, by the way.",
)

ASIDES: dict[str, str] = {
    "dispute": "Also, one of the amounts on my statement looks odd.",
    "invoice": "By the way, I still need the last invoice.",
    "money_back": "If this goes on I would rather have my money back.",
    "fault": "The device itself has also been acting up.",
    "slow": "And it has been rather slow lately, too.",
    "login": "I could not look it up because the login did not work.",
    "cancel": "Otherwise I will have to think about leaving.",
}

GREETINGS = ("Hello,", "Hi there,", "Dear support team,", "Good morning,", "Hi,", "To whom it may concern,", "")
CLOSINGS = ("Thanks,", "Kind regards,", "Best wishes,", "Regards,", "Thank you in advance,", "Sent from my phone", "")
NAMES = ("Anna", "J. Miller", "Tomasz", "Priya S.", "M. Rossi", "Ove", "Claire D.", "Sam", "Yusuf", "L. Novak", "Ines")
CITIES = ("Leeds", "Utrecht", "Graz", "Porto", "Cork", "Malmo", "Lyon", "Ghent", "Turin", "Bremen")
ORDINALS = ("second", "third", "fourth", "fifth")
